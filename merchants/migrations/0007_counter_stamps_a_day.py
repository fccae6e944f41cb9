from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0006_pictures'),
    ]

    operations = [
        migrations.AddField(
            model_name='merchant',
            name='counter_stamps_max',
            field=models.PositiveSmallIntegerField(db_default=10, default=10, help_text='Stamps a cashier may give one member in a day without an amount'),
        ),
    ]
