import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SignedInBrowser',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(max_length=40, unique=True)),
                ('session_key', models.CharField(db_index=True, max_length=40)),
                ('browser', models.CharField(blank=True, help_text='Chrome, Safari, …; empty when it does not say', max_length=20)),
                ('system', models.CharField(blank=True, help_text='Android, Windows, …; empty when it does not say', max_length=20)),
                ('address', models.CharField(blank=True, help_text='The first half of its address only', max_length=45)),
                ('signed_in_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('seat', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.seat')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('seat', 'session_key'), name='one_row_per_seat_and_session')],
            },
        ),
    ]
