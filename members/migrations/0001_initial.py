import django.db.models.deletion
import django.db.models.functions.datetime
import members.card_keys
import members.mailboxes
import merchants.database.constraints
import merchants.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('merchants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('external_id', models.CharField(blank=True, max_length=255, null=True)),
                ('code', models.CharField(help_text='Short, to be said aloud: M4K7-92QX, kept without the dash', max_length=12)),
                ('referral_code', models.CharField(default=merchants.ids.mint_referral_code, help_text='For inviting friends: JOIN7K4M92A; names nobody elsewhere', max_length=12)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('email', models.CharField(blank=True, help_text='Normalised to lower case', max_length=254, null=True)),
                ('phone', models.CharField(blank=True, help_text='E.164', max_length=20, null=True)),
                ('mailbox', models.GeneratedField(db_persist=True, expression=members.mailboxes.Mailbox(models.F('email')), help_text='Where the e-mail arrives: without its plus-part, and without the dots that Gmail passes over', output_field=models.CharField(max_length=254, null=True))),
                ('birth_month', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('birth_day', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('ko', '한국어'), ('zh-hant', '繁體中文')], max_length=10)),
                ('note', models.CharField(blank=True, max_length=1000)),
                ('attributes', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('active', 'active'), ('blocked', 'blocked'), ('merged', 'merged'), ('erased', 'erased')], default='active', max_length=10)),
                ('seat_id_of_staff', models.CharField(blank=True, help_text='Set when the member is also staff here', max_length=40)),
                ('joined_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When anything others are shown of the member changed last')),
                ('portal_sessions_since', models.DateTimeField(blank=True, help_text='Portal sessions begun before are over: signed out everywhere', null=True)),
                ('email_proved_at', models.DateTimeField(blank=True, help_text='When this member last signed in by a code to the address', null=True)),
                ('phone_proved_at', models.DateTimeField(blank=True, help_text='When this member last signed in by a code to the number', null=True)),
                ('leaves_at', models.DateTimeField(blank=True, help_text='They asked to leave: erased from then on, unless they take it back', null=True)),
                ('spending_stopped_at', models.DateTimeField(blank=True, help_text='Since when nothing is spent, until member or staff allow it again', null=True)),
                ('location', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.location')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('merged_into', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-joined_at', '-id'], name='member_newest_first'), models.Index(fields=['merchant', 'name', 'id'], name='member_by_name'), models.Index(fields=['merchant', 'changed_at', 'id'], name='member_by_change'), models.Index(condition=models.Q(('email__isnull', False)), fields=['merchant', 'mailbox'], name='member_by_mailbox'), models.Index(condition=models.Q(('leaves_at__isnull', False)), fields=['merchant', 'leaves_at'], name='member_leaving'), models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merchant', 'merged_into'], name='member_by_successor')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_member_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='member_public_id_unique'), models.UniqueConstraint(fields=('merchant', 'external_id'), name='member_external_id_unique'), models.UniqueConstraint(fields=('merchant', 'code'), name='member_code_unique'), models.UniqueConstraint(fields=('merchant', 'referral_code'), name='member_referral_code_unique'), models.UniqueConstraint(fields=('merchant', 'email'), name='member_email_unique'), models.UniqueConstraint(fields=('merchant', 'phone'), name='member_phone_unique'), models.UniqueConstraint(fields=('merchant', 'user'), name='one_membership_per_user_and_merchant'), models.CheckConstraint(condition=models.Q(models.Q(('birth_day__isnull', True), ('birth_month__isnull', True)), models.Q(('birth_day__range', (1, 31)), ('birth_month__range', (1, 12))), _connector='OR'), name='member_birthday_is_whole'), models.CheckConstraint(condition=models.Q(('merged_into__isnull', True), ('state__in', ['merged', 'erased']), _connector='OR'), name='a_merged_member_names_the_other'), merchants.database.constraints.TenantForeignKey(field='merged_into', name='member_merged_into_own_member'), merchants.database.constraints.TenantForeignKey(field='location', name='member_joined_at_own_location')],
            },
        ),
        migrations.CreateModel(
            name='FormerCode',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=12)),
                ('replaced_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member'], name='former_code_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_formercode_of_merchant'), models.UniqueConstraint(fields=('merchant', 'code'), name='former_code_unique'), merchants.database.constraints.TenantForeignKey(field='member', name='former_code_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='ContactChange',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='email, phone', max_length=5)),
                ('old', models.CharField(blank=True, help_text='Empty: there was none before', max_length=254)),
                ('new', models.CharField(blank=True, help_text='Empty: it was taken away', max_length=254)),
                ('actor', models.CharField(max_length=120)),
                ('changed_at', models.DateTimeField()),
                ('undo_hash', models.CharField(help_text='Of the secret in the link that the old contact got', max_length=64)),
                ('undo_until', models.DateTimeField()),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member', '-id'], name='contact_change_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_contactchange_of_merchant'), models.UniqueConstraint(fields=('merchant', 'undo_hash'), name='contact_change_undo_unique'), merchants.database.constraints.TenantForeignKey(field='member', name='contact_change_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('purpose', models.CharField(help_text='terms, privacy, marketing, night_marketing, profiling', max_length=30)),
                ('channel', models.CharField(blank=True, help_text='email, sms, push; empty for a purpose without channels', max_length=20)),
                ('is_granted', models.BooleanField()),
                ('wording', models.CharField(max_length=2000)),
                ('wording_version', models.CharField(max_length=40)),
                ('document', models.CharField(blank=True, help_text='What was read before: terms:4, privacy:2', max_length=60)),
                ('language', models.CharField(max_length=10)),
                ('source', models.CharField(help_text='portal, counter, api, import', max_length=40)),
                ('actor', models.CharField(max_length=120)),
                ('at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member', 'purpose', '-id'], name='consent_newest_first')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_consent_of_merchant'), merchants.database.constraints.TenantForeignKey(field='member', name='consent_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='Card',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.CharField(max_length=64)),
                ('key', models.GeneratedField(db_persist=True, expression=members.card_keys.CardKey(models.F('number')), help_text='What the number is looked up by: one for all that read alike', output_field=models.CharField(max_length=64))),
                ('issued_at', models.DateTimeField()),
                ('blocked_at', models.DateTimeField(blank=True, null=True)),
                ('blocked_reason', models.CharField(blank=True, max_length=200)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member'], name='card_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_card_of_merchant'), models.UniqueConstraint(fields=('merchant', 'key'), name='card_reads_like_no_other'), merchants.database.constraints.TenantForeignKey(field='member', name='card_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='SearchKey',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=20)),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'member'], name='search_key_by_member')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_searchkey_of_merchant'), models.UniqueConstraint(fields=('merchant', 'key', 'member'), name='search_key_unique'), merchants.database.constraints.TenantForeignKey(field='member', name='search_key_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='UsedLiveCode',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('minute', models.BigIntegerField(help_text='Minutes since 1970 at which the code was the current one')),
                ('used_for', models.CharField(help_text='External id of the document, behind its kind', max_length=320)),
                ('used_at', models.DateTimeField()),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_usedlivecode_of_merchant'), models.UniqueConstraint(fields=('merchant', 'member', 'minute'), name='live_code_is_used_once'), merchants.database.constraints.TenantForeignKey(field='member', name='live_code_of_own_member')],
            },
        ),
        migrations.CreateModel(
            name='ContactCode',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('contact', models.CharField(max_length=254)),
                ('purpose', models.CharField(help_text='sign_in, join, link, step_up, change, redeem, leave, export', max_length=20)),
                ('session', models.CharField(max_length=64)),
                ('code_hash', models.CharField(max_length=64)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', 'contact', '-created_at'], name='contact_code_newest_first')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='members_contactcode_of_merchant'), models.CheckConstraint(condition=models.Q(('attempts__lte', 5)), name='a_code_is_tried_at_most_five_times')],
            },
        ),
    ]
