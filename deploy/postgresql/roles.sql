-- The five group roles of Perfuscope, for a server whose database user may not make roles itself. Safe to run again.
-- As an administrator of the server:   psql -f deploy/postgresql/roles.sql
-- What each may do is granted by the migration (perfuscope db upgrade); see docs/adr/0017-database-roles.md.

DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[
    'perfuscope_owner',      -- migrations, models, purge: everything but rewriting the audit trail
    'perfuscope_node',       -- node and edge workers; operators' commands
    'perfuscope_viewer',     -- the pages: reads; users, logins, tokens; adds audit events
    'perfuscope_inference',  -- inference workers: the de-identified tables only
    'perfuscope_reader'      -- administrators' SQL: the views v_results and v_daily only
  ] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
END
$$;

-- Then a database and a login for each process; passwords by \password in psql, never in a file:
--
--   CREATE DATABASE perfuscope OWNER perfuscope_owner;
--   REVOKE CONNECT ON DATABASE perfuscope FROM PUBLIC;
--   CREATE ROLE perfuscope_upgrade LOGIN IN ROLE perfuscope_owner;        -- perfuscope db upgrade, purge, model activate
--   CREATE ROLE perfuscope_node_1 LOGIN IN ROLE perfuscope_node;          -- the node
--   CREATE ROLE perfuscope_edge_1 LOGIN IN ROLE perfuscope_node;          -- an edge worker
--   CREATE ROLE perfuscope_viewer_1 LOGIN IN ROLE perfuscope_viewer;
--   CREATE ROLE perfuscope_inference_1 LOGIN IN ROLE perfuscope_inference;
--   CREATE ROLE statistics LOGIN IN ROLE perfuscope_reader;
--   GRANT CONNECT ON DATABASE perfuscope
--     TO perfuscope_owner, perfuscope_node, perfuscope_viewer, perfuscope_inference, perfuscope_reader;
