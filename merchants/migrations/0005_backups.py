from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0004_seen_notifications'),
    ]

    operations = [
        migrations.CreateModel(
            name='Backup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True)),
                ('size_bytes', models.BigIntegerField()),
                ('made_at', models.DateTimeField()),
                ('is_read', models.BooleanField(default=False, help_text='pg_restore has read its table of contents')),
                ('restored_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
