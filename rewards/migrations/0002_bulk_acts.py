import django.db.models.deletion
import merchants.database.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('members', '0002_member_member_by_birthday'),
        ('merchants', '0001_initial'),
        ('rewards', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkAct',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('choosing', 'Choosing'), ('chosen', 'Chosen'), ('running', 'Running'), ('stopped', 'Stopped'), ('done', 'Done'), ('undoing', 'Undoing'), ('undone', 'Undone')], default='choosing', max_length=10)),
                ('segment', models.CharField(help_text='The list they were chosen from', max_length=40)),
                ('members', models.PositiveIntegerField(default=0)),
                ('points', models.BigIntegerField(blank=True, null=True)),
                ('card', models.CharField(blank=True, help_text='Of stamps; empty for points', max_length=60)),
                ('stamps', models.PositiveIntegerField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('seat', models.CharField(help_text='Public id of whose act it is, with their role then', max_length=40)),
                ('role', models.CharField(max_length=20)),
                ('chosen_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['running', 'undoing'])), fields=['merchant', 'id'], name='bulk_act_to_be_done')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='rewards_bulkact_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='bulk_act_public_id_unique'), models.CheckConstraint(condition=models.Q(('started_at__isnull', True), models.Q(('card', ''), ('points__gt', 0), ('stamps__isnull', True)), models.Q(('points__isnull', True), ('stamps__gt', 0), models.Q(('card', ''), _negated=True)), _connector='OR'), name='a_bulk_act_gives_points_or_stamps')],
            },
        ),
        migrations.CreateModel(
            name='BulkMember',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('given', 'Given'), ('refused', 'Refused'), ('undone', 'Undone'), ('kept', 'Kept')], db_default='waiting', default='waiting', max_length=10)),
                ('document', models.CharField(blank=True, db_default='', help_text='Public id of what gave it', max_length=40)),
                ('detail', models.CharField(blank=True, db_default='', help_text='Why it was refused', max_length=300)),
                ('act', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='rewards.bulkact')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'act', 'state', 'id'], name='bulk_member_by_state')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='rewards_bulkmember_of_merchant'), models.UniqueConstraint(fields=('merchant', 'act', 'member'), name='once_in_a_bulk_act'), merchants.database.constraints.TenantForeignKey(field='act', name='bulk_member_of_own_act'), merchants.database.constraints.TenantForeignKey(field='member', name='bulk_member_is_own_member')],
            },
        ),
    ]
