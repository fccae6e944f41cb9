import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import merchants.constraints
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Tick',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, help_text='Of the last run that ended well', null=True)),
                ('duration_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('done', models.BigIntegerField(default=0, help_text='How many pieces of work the last run found')),
                ('failed_at', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, help_text='The kind of error, never its data', max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(blank=True, max_length=254, null=True, unique=True, verbose_name='e-mail')),
                ('email_verified_at', models.DateTimeField(blank=True, null=True)),
                ('phone', models.CharField(blank=True, max_length=20, null=True, unique=True, verbose_name='phone')),
                ('phone_verified_at', models.DateTimeField(blank=True, null=True)),
                ('name', models.CharField(blank=True, max_length=120, verbose_name='name')),
                ('language', models.CharField(blank=True, choices=[('en', 'English'), ('ko', '한국어'), ('zh-hant', '繁體中文')], max_length=10)),
                ('is_active', models.BooleanField(default=True)),
                ('is_superuser', models.BooleanField(default=False)),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('email__isnull', False), ('phone__isnull', False), _connector='OR'), name='user_has_an_email_or_a_phone')],
            },
        ),
        migrations.CreateModel(
            name='Merchant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(max_length=40, unique=True)),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('currency', models.CharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$')])),
                ('zone', models.CharField(help_text='IANA time zone, such as Asia/Seoul', max_length=64)),
                ('language', models.CharField(choices=[('en', 'English'), ('ko', '한국어'), ('zh-hant', '繁體中文')], default='en', max_length=10)),
                ('country', models.CharField(help_text='ISO country, for telephone numbers typed without one', max_length=2)),
                ('brand_colour', models.CharField(default='#0b6e4f', max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-fA-F]{6}$')])),
                ('logo', models.CharField(blank=True, help_text="Print of the logo's content; empty: there is none", max_length=16)),
                ('is_sandbox', models.BooleanField(default=False)),
                ('display_digits', models.PositiveSmallIntegerField(blank=True, help_text="Digits printed after the point, if not the currency's own", null=True)),
                ('occurred_at_days_back_max', models.PositiveSmallIntegerField(default=30)),
                ('occurred_at_minutes_ahead_max', models.PositiveSmallIntegerField(default=5)),
                ('claim_days_max', models.PositiveSmallIntegerField(default=14, help_text='How long after a purchase without a member it can be claimed; 0 for never')),
                ('adjustment_points_max', models.BigIntegerField(default=10000, help_text='Largest correction a manager may make alone')),
                ('daily_accruals_alert', models.PositiveSmallIntegerField(default=5, help_text='Accruals for one member in a day that raise a flag')),
                ('step_up_points_above', models.BigIntegerField(default=5000, help_text='Points a member may spend on their phone in a day without a fresh code')),
                ('contact_cool_off_hours', models.PositiveSmallIntegerField(default=72, help_text='So long after a change of contact the portal asks for a code before any spending')),
                ('is_live_code_needed', models.BooleanField(default=False, help_text="Points are spent at the till only with the moving code of the member's phone")),
                ('outbox_days_kept', models.PositiveSmallIntegerField(default=30)),
                ('expiry_notice_days', models.PositiveSmallIntegerField(default=30, help_text='How long before points end others are told; 0 for never')),
                ('churn_alert_percent', models.PositiveSmallIntegerField(default=0, help_text="Churn of a period above this is a warning; 0: above what the members' own pauses explain")),
                ('created_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('sandbox_of', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sandbox', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='merchant_currency_is_three_capitals')],
            },
        ),
        migrations.CreateModel(
            name='Logo',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('media_type', models.CharField(max_length=20)),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('content', models.BinaryField()),
                ('changed_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_logo_of_merchant'), models.UniqueConstraint(fields=('merchant',), name='one_logo_a_merchant')],
            },
        ),
        migrations.CreateModel(
            name='Location',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('code', models.CharField(help_text='The name tills send', max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('zone', models.CharField(blank=True, help_text="Empty: the merchant's own", max_length=64)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_location_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='location_public_id_unique'), models.UniqueConstraint(fields=('merchant', 'code'), name='location_code_unique')],
            },
        ),
        migrations.CreateModel(
            name='CounterDevice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('name', models.CharField(max_length=80)),
                ('secret_hash', models.CharField(max_length=64)),
                ('opened_by', models.CharField(max_length=120)),
                ('opened_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('location', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.location')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_counterdevice_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='counter_device_public_id_unique'), merchants.constraints.TenantForeignKey(field='location', name='counter_device_stands_at_own_location')],
            },
        ),
        migrations.CreateModel(
            name='AuditRecord',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(max_length=120)),
                ('action', models.CharField(help_text='programme.published, key.revoked, member.revealed, …', max_length=60)),
                ('subject', models.CharField(blank=True, help_text='The public id acted upon', max_length=60)),
                ('details', models.JSONField(default=dict)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['merchant', '-at'], name='audit_newest_first')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_auditrecord_of_merchant')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(max_length=40, unique=True)),
                ('prefix', models.CharField(max_length=16, unique=True)),
                ('secret_hash', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=80)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                ('location_code', models.CharField(blank=True, help_text="The location's code, kept here because this table is read before a tenant is open", max_length=60)),
                ('terminal', models.CharField(blank=True, max_length=60)),
                ('id_namespace', models.CharField(blank=True, help_text='Put before each external id this key sends', max_length=40)),
                ('created_by', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('replaced_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.apikey')),
                ('location', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.location')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='MerchantHost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=253, unique=True)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='OutboxEvent',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('kind', models.CharField(help_text='purchase.recorded, points.accrued, tier.changed, …', max_length=60)),
                ('payload', models.JSONField()),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('relayed_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('relayed_at__isnull', True)), fields=['merchant', 'id'], name='outbox_not_yet_relayed')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_outboxevent_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='outbox_public_id_unique')],
            },
        ),
        migrations.CreateModel(
            name='OutgoingMessage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('kind', models.CharField(help_text='contact_code, seat_invitation, contact_changed, …', max_length=40)),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('sms', 'text message')], max_length=5)),
                ('recipient', models.CharField(max_length=254)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('text', models.TextField(blank=True)),
                ('html', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('due', 'due'), ('sent', 'sent'), ('given_up', 'given up')], default='due', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text='Not before; moved ahead while somebody is sending it')),
                ('worthless_at', models.DateTimeField(help_text='Not after: a late code only confuses')),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, help_text='The kind of the last error, never its text', max_length=60)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'due')), fields=['merchant', 'due_at'], name='outgoing_message_due'), models.Index(fields=['merchant', 'recipient'], name='outgoing_message_by_recipient')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_outgoingmessage_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='outgoing_message_public_id_unique'), models.CheckConstraint(condition=models.Q(('state', 'due'), models.Q(('html', ''), ('subject', ''), ('text', '')), _connector='OR'), name='a_message_that_left_keeps_no_words')],
            },
        ),
        migrations.CreateModel(
            name='Passport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'merchant'), name='one_passport_per_user_and_merchant')],
            },
        ),
        migrations.CreateModel(
            name='Seat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(max_length=40, unique=True)),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('manager', 'Manager'), ('analyst', 'Analyst'), ('cashier', 'Cashier')], max_length=10)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('pin_hash', models.CharField(blank=True, max_length=200)),
                ('pin_failures', models.PositiveSmallIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='merchants.merchant')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'user'), name='one_seat_per_user_and_merchant'), models.CheckConstraint(condition=models.Q(('user__isnull', False), ('role', 'cashier'), _connector='OR'), name='only_a_cashier_may_lack_a_user')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('url', models.URLField(max_length=500)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), default=list, help_text='Empty: every kind of event', size=None)),
                ('sealed_secret', models.CharField(blank=True, help_text='Opened by merchants.sealing alone', max_length=200)),
                ('previous_sealed_secret', models.CharField(blank=True, max_length=200)),
                ('previous_secret_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('last_failure', models.CharField(blank=True, help_text='What the last attempt that failed was answered; empty once one is accepted', max_length=200)),
                ('failures_in_row', models.PositiveIntegerField(default=0)),
                ('resting_until', models.DateTimeField(blank=True, help_text='Set after failures: nothing is sent before, then one delivery as a probe', null=True)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('disabled_reason', models.CharField(blank=True, max_length=200)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_webhookendpoint_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='webhook_endpoint_public_id_unique')],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('public_id', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('due', 'Due'), ('delivered', 'Delivered'), ('given_up', 'Given Up')], default='due', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField()),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('last_answer_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('last_answer', models.CharField(blank=True, max_length=2000)),
                ('last_duration_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('is_replay', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('event', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.outboxevent')),
                ('merchant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.merchant')),
                ('endpoint', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='merchants.webhookendpoint')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'due')), fields=['merchant', 'due_at'], name='webhook_delivery_due'), models.Index(fields=['merchant', 'endpoint', '-id'], name='webhook_delivery_log'), models.Index(fields=['merchant', 'event'], name='webhook_delivery_by_event')],
                'constraints': [models.UniqueConstraint(fields=('merchant', 'id'), name='merchants_webhookdelivery_of_merchant'), models.UniqueConstraint(fields=('merchant', 'public_id'), name='webhook_delivery_public_id_unique'), models.UniqueConstraint(condition=models.Q(('is_replay', False)), fields=('merchant', 'endpoint', 'event'), name='one_delivery_per_endpoint_and_event'), merchants.constraints.TenantForeignKey(field='endpoint', name='webhook_delivery_to_own_endpoint'), merchants.constraints.TenantForeignKey(field='event', name='webhook_delivery_of_own_event')],
            },
        ),
    ]
