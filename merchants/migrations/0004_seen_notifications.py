import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0003_briefings'),
    ]

    operations = [
        migrations.CreateModel(
            name='SeenNotifications',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('seat', models.CharField(help_text='Public id of the seat', max_length=40)),
                ('keys', models.JSONField(default=list)),
                ('seen_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_seennotifications_of_merchant'), models.UniqueConstraint(fields=('merchant', 'seat'), name='one_row_of_seen_notifications_a_seat')],
            },
        ),
    ]
