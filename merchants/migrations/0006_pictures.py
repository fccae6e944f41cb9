import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0005_backups'),
    ]

    operations = [
        migrations.AddField(
            model_name='merchant',
            name='photos',
            field=models.JSONField(db_default={}, default=dict, help_text='By subject (reward.americano) print, widths and height of a photo'),
        ),
        migrations.CreateModel(
            name='PhotoSize',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subject', models.CharField(help_text='What it shows: reward.americano', max_length=80)),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('content', models.BinaryField(help_text='WebP')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_photosize_of_merchant'), models.UniqueConstraint(fields=('merchant', 'subject', 'width'), name='one_photo_a_subject_and_width')],
            },
        ),
    ]
