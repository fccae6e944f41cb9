import django.db.models.deletion
import merchants.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('members', '0001_initial'),
        ('merchants', '0001_initial'),
    ]

    operations = [
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
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='engagement_surveyresponse_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='survey_response_public_id_unique'), models.UniqueConstraint(fields=('merchant', 'external_id'), name='survey_response_external_id_unique'), models.CheckConstraint(condition=models.Q(('score__gte', 0), ('score__lte', 10)), name='score_from_0_to_10'), merchants.constraints.TenantForeignKey(field='member', name='survey_response_by_own_member')],
            },
        ),
    ]
