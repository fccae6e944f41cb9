import django.db.models.deletion
import merchants.database.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('members', '0002_member_member_by_birthday'),
        ('merchants', '0001_initial'),
        ('rewards', '0002_bulk_acts'),
    ]

    operations = [
        migrations.CreateModel(
            name='PointsRequest',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('asked_by', models.CharField(max_length=120)),
                ('asked_at', models.DateTimeField()),
                ('lapses_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('approved', 'Approved'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=10)),
                ('decided_by', models.CharField(blank=True, max_length=120)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('answer', models.CharField(blank=True, help_text='Why it was declined', max_length=200)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-id'], name='points_request_newest_first'), models.Index(condition=models.Q(('state', 'waiting')), fields=['merchant', 'lapses_at'], name='points_request_waiting')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='rewards_pointsrequest_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='points_request_public_id_unique'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by', ''), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), models.Q(('decided_by', ''), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='a_decided_points_request_says_by_whom'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), _negated=True), models.Q(('decided_by', models.F('asked_by')), _negated=True), _connector='OR'), name='nobody_approves_their_own_points_request')],
            },
        ),
        migrations.CreateModel(
            name='PointsRequestLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('points', models.BigIntegerField(help_text='Positive gives, negative takes')),
                ('adjustment', models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='Empty: not done yet', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='rewards.adjustment')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('request', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='rewards.pointsrequest')),
                ('undoes', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='rewards.adjustment')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member', '-id'], name='points_request_line_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='rewards_pointsrequestline_of_merchant'), models.CheckConstraint(condition=models.Q(('points', 0), _negated=True), name='a_points_request_line_moves_points'), models.UniqueConstraint(condition=models.Q(('undoes__isnull', True)), fields=('merchant', 'request', 'member'), name='a_points_request_names_a_member_once'), models.UniqueConstraint(condition=models.Q(('undoes__isnull', False)), fields=('merchant', 'request', 'undoes'), name='a_points_request_undoes_an_adjustment_once'), models.UniqueConstraint(condition=models.Q(('adjustment__isnull', False)), fields=('merchant', 'adjustment'), name='an_adjustment_is_of_one_points_request'), merchants.database.constraints.TenantForeignKey(field='request', name='points_request_line_of_own_request'), merchants.database.constraints.TenantForeignKey(field='member', name='points_request_line_of_own_member'), merchants.database.constraints.TenantForeignKey(field='undoes', name='points_request_line_undoes_own_adjustment'), merchants.database.constraints.TenantForeignKey(field='adjustment', name='points_request_line_became_own_adjustment')],
            },
        ),
    ]
