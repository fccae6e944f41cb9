import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('merchants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='CohortMonth',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('basis', models.CharField(default='joined', help_text='joined or first_purchase', max_length=14)),
                ('joined_month', models.DateField(help_text='First day of the month of joining, or of the first purchase')),
                ('months_after', models.PositiveSmallIntegerField()),
                ('members', models.BigIntegerField(help_text='All who joined, or first bought, in that month')),
                ('active', models.BigIntegerField()),
                ('revenue_minor', models.BigIntegerField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_cohortmonth_of_merchant'), models.UniqueConstraint(fields=('merchant', 'basis', 'joined_month', 'months_after'), name='one_row_per_cohort_and_month')],
            },
        ),
        migrations.CreateModel(
            name='Figures',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('grain', models.CharField(help_text='day or month', max_length=5)),
                ('starts_on', models.DateField()),
                ('purchases', models.BigIntegerField(default=0, help_text='Members and guests, not wholly refunded')),
                ('guest_purchases', models.BigIntegerField(default=0)),
                ('revenue_minor', models.BigIntegerField(default=0, help_text='Members and guests, net of refunds')),
                ('guest_revenue_minor', models.BigIntegerField(default=0)),
                ('points_paid_minor', models.BigIntegerField(default=0, help_text='The part of the revenue that points paid')),
                ('free_purchases', models.BigIntegerField(default=0, help_text='Purchases with a total of 0')),
                ('active_members', models.BigIntegerField(default=0, help_text='Members with a purchase, each once')),
                ('enrolments', models.BigIntegerField(default=0)),
                ('points_issued', models.BigIntegerField(default=0)),
                ('points_redeemed', models.BigIntegerField(default=0)),
                ('points_expired', models.BigIntegerField(default=0)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_figures_of_merchant'), models.UniqueConstraint(fields=('merchant', 'grain', 'starts_on'), name='one_row_per_grain_and_start')],
            },
        ),
        migrations.CreateModel(
            name='Insight',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='A kind of analytics.alerts.ALERTS', max_length=40)),
                ('members', models.BigIntegerField(default=0)),
                ('amount', models.BigIntegerField(default=0, help_text='Points or minor units or answers, as the kind says')),
                ('first_day', models.DateField()),
                ('end_day', models.DateField()),
                ('computed_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_insight_of_merchant'), models.UniqueConstraint(fields=('merchant', 'kind'), name='one_insight_of_a_kind')],
            },
        ),
        migrations.CreateModel(
            name='LedgerMark',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('account_id', models.BigIntegerField()),
                ('seq', models.BigIntegerField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_ledgermark_of_merchant'), models.UniqueConstraint(fields=('merchant', 'account_id'), name='one_mark_per_account')],
            },
        ),
        migrations.CreateModel(
            name='Liability',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('local_day', models.DateField(help_text="The merchant's day on which it was read")),
                ('outstanding', models.BigIntegerField(help_text='Active and pending points, those on hold included')),
                ('pending', models.BigIntegerField()),
                ('held', models.BigIntegerField()),
                ('debt', models.BigIntegerField(help_text='Points members owe after refunds of what they had spent')),
                ('rate_points', models.BigIntegerField(help_text='So many points …', null=True)),
                ('rate_minor', models.BigIntegerField(help_text='… pay so much; empty when the terms name no rate', null=True)),
                ('cost_minor', models.BigIntegerField(help_text='outstanding x rate, rounded up', null=True)),
                ('computed_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_liability_of_merchant'), models.UniqueConstraint(fields=('merchant', 'local_day'), name='one_liability_per_day')],
            },
        ),
        migrations.CreateModel(
            name='MemberDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('member_id', models.BigIntegerField(help_text='0: all guests together')),
                ('local_day', models.DateField()),
                ('purchases', models.IntegerField(help_text='Purchases not wholly refunded, with a total of 0 or more')),
                ('free_purchases', models.IntegerField(default=0, help_text='Those among them with a total of 0')),
                ('revenue_minor', models.BigIntegerField(help_text='Net of refunds, and of returns within an exchange')),
                ('points_paid_minor', models.BigIntegerField(default=0, help_text='The part of it that points paid')),
                ('points_earned', models.BigIntegerField(default=0, help_text='Less what refunds took back')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'local_day'], include=('member_id', 'purchases', 'free_purchases', 'revenue_minor', 'points_paid_minor'), name='member_day_by_day')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_memberday_of_merchant'), models.UniqueConstraint(fields=('merchant', 'member_id', 'local_day'), name='one_row_per_member_and_day'), models.CheckConstraint(condition=models.Q(('purchases__gt', 0), models.Q(('purchases', 0), models.Q(('revenue_minor', 0), _negated=True)), _connector='OR'), name='a_member_day_has_trade')],
            },
        ),
        migrations.CreateModel(
            name='MetricRun',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('is_as_of', models.BooleanField(default=False, help_text='Of an earlier day: it looked later than its start says')),
                ('cluster', models.CharField(blank=True, help_text='Cluster and database the ids were given in', max_length=30)),
                ('seen_through', models.BigIntegerField(blank=True, help_text='Every transaction below this id was taken in', null=True)),
                ('refilled_through', models.BigIntegerField(blank=True, help_text='Key of the last purchase of a refill under way; empty: none is', null=True)),
                ('changed_from', models.DateField(blank=True, help_text='Earliest day whose figures changed', null=True)),
                ('forwards', models.CharField(blank=True, help_text='Mark of the merged memberships it knew', max_length=40)),
                ('changed_rows', models.BigIntegerField(default=0)),
                ('failed_at', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, max_length=500)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-id'], name='metric_run_newest_first')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_metricrun_of_merchant')],
            },
        ),
        migrations.CreateModel(
            name='MetricValue',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('metric', models.CharField(max_length=60)),
                ('definition', models.PositiveSmallIntegerField(help_text="Version of the metric's definition")),
                ('period_kind', models.CharField(help_text='month, quarter, year; days_30, days_90, days_365; month_part, quarter_part, year_part: the first days of the period before a running one, as many as have passed of that', max_length=14)),
                ('starts_on', models.DateField()),
                ('ends_on', models.DateField(help_text='Exclusive')),
                ('counted_until', models.DateField(help_text='Exclusive: of a running period the day of the run, else its end')),
                ('numerator', models.DecimalField(decimal_places=4, max_digits=24, null=True)),
                ('denominator', models.DecimalField(decimal_places=4, max_digits=24, null=True)),
                ('value', models.DecimalField(decimal_places=8, help_text='Null when n is 0', max_digits=24, null=True)),
                ('low', models.DecimalField(decimal_places=8, max_digits=24, null=True)),
                ('high', models.DecimalField(decimal_places=8, max_digits=24, null=True)),
                ('n', models.BigIntegerField(default=0)),
                ('parts', models.JSONField(default=dict, help_text='The counts behind it, by their names in the formula')),
                ('computed_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_metricvalue_of_merchant'), models.UniqueConstraint(fields=('merchant', 'metric', 'definition', 'period_kind', 'starts_on'), name='one_value_per_metric_and_period')],
            },
        ),
        migrations.CreateModel(
            name='PointsDay',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('local_day', models.DateField()),
                ('kind', models.CharField(help_text='Kind of ledger entry', max_length=12)),
                ('points', models.BigIntegerField(help_text='Change of balance and pending together')),
                ('entries', models.BigIntegerField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='analytics_pointsday_of_merchant'), models.UniqueConstraint(fields=('merchant', 'local_day', 'kind'), name='one_row_per_day_and_kind')],
            },
        ),
    ]
