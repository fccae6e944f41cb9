import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0001_initial'),
        ('merchants', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='metricrun',
            name='layout',
            field=models.PositiveSmallIntegerField(db_default=1, default=1, help_text='Which rollups it filled: analytics.rollups.LAYOUT of its release'),
        ),
        migrations.CreateModel(
            name='MemberDayAtLocation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('member_id', models.BigIntegerField(help_text='0: all guests together')),
                ('local_day', models.DateField()),
                ('location_id', models.BigIntegerField(help_text='0: the sale names none')),
                ('purchases', models.IntegerField(help_text='As in MemberDay')),
                ('revenue_minor', models.BigIntegerField(help_text='As in MemberDay')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'local_day'], include=('location_id', 'member_id', 'purchases', 'revenue_minor'), name='member_day_at_location_by_day')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_memberdayatlocation_of_merchant'), models.UniqueConstraint(fields=('merchant', 'member_id', 'local_day', 'location_id'), name='one_row_per_member_day_and_location')],
            },
        ),
        migrations.CreateModel(
            name='RewardDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('local_day', models.DateField(help_text='Of the redemption')),
                ('location_id', models.BigIntegerField(help_text='0: the redemption names none')),
                ('reward', models.CharField(blank=True, help_text='Code of the reward; empty: an amount paid with points', max_length=60)),
                ('redemptions', models.BigIntegerField()),
                ('points', models.BigIntegerField()),
                ('cost_minor', models.BigIntegerField(help_text='Of those that have a price')),
                ('unpriced', models.BigIntegerField(help_text='Redemptions that have none')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_rewardday_of_merchant'), models.UniqueConstraint(fields=('merchant', 'local_day', 'location_id', 'reward'), name='one_row_per_day_location_and_reward')],
            },
        ),
    ]
