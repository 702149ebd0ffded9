"""The results database: tables, sessions, migrations and one module of queries per aggregate."""
