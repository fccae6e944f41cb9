import django.db.models.deletion
import merchants.database.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0002_signed_in_browsers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Briefing',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('texts', models.JSONField(help_text="Language to text; those who have none in theirs read the merchant's")),
                ('roles', models.JSONField(default=list, help_text='Whom it is for; empty: everybody')),
                ('places', models.JSONField(default=list, help_text='Public ids of locations whose counters show it; empty: all')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('written_by', models.CharField(max_length=120)),
                ('written_at', models.DateTimeField()),
                ('version_number', models.PositiveIntegerField(blank=True, help_text='The version of the programme whose changes it tells', null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-id'], name='briefing_newest_first')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_briefing_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='briefing_public_id_unique'), models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gte', models.F('starts_at')), _connector='OR'), name='a_briefing_ends_after_it_starts')],
            },
        ),
        migrations.CreateModel(
            name='BriefingRead',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('seat', models.CharField(help_text='Public id of the seat', max_length=40)),
                ('read_at', models.DateTimeField()),
                ('briefing', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.briefing')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_briefingread_of_merchant'), models.UniqueConstraint(fields=('merchant', 'briefing', 'seat'), name='a_briefing_is_read_once_by_each'), merchants.database.constraints.TenantForeignKey(field='briefing', name='briefing_read_of_own_briefing')],
            },
        ),
    ]
