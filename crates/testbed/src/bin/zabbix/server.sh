# Runs as root of a Debian with Zabbix, in a mount and a process namespace of its own. Arguments: the port of the Zabbix server,
# and the port of its frontend. The database is on a Unix socket, and is created anew.
set -eu
server_port=$1
frontend_port=$2

mount -t proc proc /proc
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir /run/zabbix /run/postgresql
chown zabbix: /run/zabbix
chown postgres: /run/postgresql

cat >/etc/postgresql/17/main/conf.d/trial.conf <<CONF
listen_addresses = ''
fsync = off
CONF
pg_ctlcluster 17 main start
su postgres -c 'dropdb --if-exists zabbix && dropuser --if-exists zabbix && createuser zabbix && createdb --owner=zabbix zabbix'
for part in schema images data; do
    zcat "/usr/share/zabbix-server-pgsql/$part.sql.gz"
done | su zabbix -s /bin/sh -c 'psql --quiet --set=ON_ERROR_STOP=1 zabbix' >/dev/null

cat >/etc/zabbix/zabbix_server.conf.d/trial.conf <<CONF
DBHost=
DBName=zabbix
DBUser=zabbix
ListenIP=127.0.0.1
ListenPort=$server_port
LogType=console
CacheUpdateFrequency=1
CONF
cat >/etc/zabbix/zabbix.conf.php <<CONF
<?php
\$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '', 'PORT' => '0', 'DATABASE' => 'zabbix', 'USER' => 'zabbix', 'PASSWORD' => '', 'SCHEMA' => ''];
\$ZBX_SERVER = '127.0.0.1';
\$ZBX_SERVER_PORT = '$server_port';
CONF

cd /usr/share/zabbix
su zabbix -s /bin/sh -c "exec php -S 127.0.0.1:$frontend_port" &
exec su zabbix -s /bin/sh -c 'exec zabbix_server --foreground'
