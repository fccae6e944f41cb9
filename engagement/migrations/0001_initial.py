import django.contrib.postgres.fields
import django.db.models.deletion
import merchants.database.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('members', '0001_initial'),
        ('merchants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='MissingPoints',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('bought_on', models.DateField()),
                ('amount_minor', models.BigIntegerField()),
                ('receipt', models.CharField(blank=True, max_length=60)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('accepted', 'given'), ('declined', 'declined')], default='waiting', max_length=10)),
                ('points', models.BigIntegerField(default=0, help_text='Given for it')),
                ('reason', models.CharField(blank=True, help_text='Why it was declined, for the member to read', max_length=200)),
                ('asked_at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('settled_by', models.CharField(blank=True, max_length=120)),
                ('document', models.CharField(blank=True, help_text='Public id of the adjustment or the claim that answered it', max_length=40)),
                ('others', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='Purchases with its number of which staff said: another receipt', size=None)),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['merchant', '-id'], name='missing_points_waiting'), models.Index(fields=['merchant', 'member', '-id'], name='missing_points_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='engagement_missingpoints_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='missing_points_public_id_unique'), models.UniqueConstraint(condition=models.Q(('state__in', ['waiting', 'accepted']), models.Q(('receipt', ''), _negated=True)), fields=('merchant', 'receipt'), name='a_receipt_is_asked_about_once'), models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='missing_points_of_a_sum'), merchants.database.constraints.TenantForeignKey(field='member', name='missing_points_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='SurveyResponse',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('external_id', models.CharField(blank=True, max_length=300, null=True)),
                ('fingerprint', models.BinaryField(default=b'')),
                ('score', models.PositiveSmallIntegerField()),
                ('comment', models.CharField(blank=True, max_length=2000)),
                ('channel', models.CharField(blank=True, max_length=30)),
                ('purchase_id', models.CharField(blank=True, help_text='Public id of the purchase it is about', max_length=40)),
                ('actor', models.CharField(blank=True, max_length=120)),
                ('local_day', models.DateField()),
                ('answered_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('followed_up_at', models.DateTimeField(blank=True, help_text='When somebody took care of it', null=True)),
                ('followed_up_by', models.CharField(blank=True, max_length=120)),
                ('member', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'local_day'], name='survey_response_by_day'), models.Index(condition=models.Q(('member__isnull', False)), fields=['merchant', 'member', '-answered_at'], name='survey_response_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='engagement_surveyresponse_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='survey_response_public_id_unique'), models.UniqueConstraint(fields=('merchant', 'external_id'), name='survey_response_external_id_unique'), models.CheckConstraint(condition=models.Q(('score__gte', 0), ('score__lte', 10)), name='score_from_0_to_10'), merchants.database.constraints.TenantForeignKey(field='member', name='survey_response_by_own_member')],
            },
        ),
    ]
