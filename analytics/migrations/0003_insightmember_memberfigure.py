import datetime
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0002_sales_by_location_and_rewards_redeemed'),
        ('merchants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='InsightMember',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='A kind of analytics.alerts.ALERTS', max_length=40)),
                ('member_id', models.BigIntegerField()),
                ('at_stake', models.BigIntegerField(default=0, help_text='Points or minor units or answers, as the kind says')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_insightmember_of_merchant'), models.UniqueConstraint(fields=('merchant', 'kind', 'member_id'), name='one_insight_row_per_member')],
            },
        ),
        migrations.CreateModel(
            name='MemberFigure',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('member_id', models.BigIntegerField()),
                ('purchases', models.BigIntegerField(default=0, help_text='As in MemberDay, of all days together')),
                ('revenue_minor', models.BigIntegerField(default=0)),
                ('last_day', models.DateField(default=datetime.date(1, 1, 1), help_text='Of the latest purchase; the first day of the calendar: none')),
                ('points', models.BigIntegerField(default=0, help_text='Active, less what is set aside')),
                ('pending', models.BigIntegerField(default=0)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-last_day', '-member_id'], name='member_figure_by_visit'), models.Index(fields=['merchant', '-revenue_minor', '-member_id'], name='member_figure_by_spend'), models.Index(fields=['merchant', '-points', '-member_id'], name='member_figure_by_points')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_memberfigure_of_merchant'), models.UniqueConstraint(fields=('merchant', 'member_id'), name='one_figure_row_per_member')],
            },
        ),
    ]
