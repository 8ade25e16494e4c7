-- What lists, pages, counts and histories are asked of. It can be built again from the journal and the snapshots at any
-- time, so it is never changed to another form: one of another form is thrown away. Times are milliseconds since the epoch.

-- Texts up to this long are kept in their row. Apart from it, as H2 keeps longer ones, each takes three entries in other
-- trees: a fifth of the work of a submission.
set max_length_inplace_lob 8192;

-- A row is a JobRecord. What queries look for has columns of its own; the rest is JSON.
create table job (
  sequence        bigint primary key,
  id              varchar(40) not null,
  owner           varchar(200) not null,
  version         bigint not null,
  created_at      bigint not null,
  -- null for a job that has not ended
  finished_at     bigint,
  state           varchar(1000000) not null,
  deletion        varchar(10000),
  -- KEPT, SWEEPING (being removed by retention), SWEPT
  files           varchar(8) not null,
  request         clob not null,
  -- the body as it was sent, with the keys this version does not know
  source          clob not null,
  idempotency_key varchar(300),
  digest          varchar(64),
  -- what happened to it, in order: the audit log
  lines           clob not null,
  callback        varchar(100000),
  -- whether the callback is still to be sent
  owed            boolean not null,
  constraint job_id unique (id)
);
create index job_owner on job (owner, sequence);
create index job_sweep on job (files, finished_at, sequence);
create index job_key on job (owner, idempotency_key);

-- How many jobs a user has.
create table job_count (
  owner           varchar(200) primary key,
  jobs            bigint not null
);

-- Whose index this is, and the number of the last group that is in it. One row.
create table applied (
  form            int not null,
  ledger          varchar(40) not null,
  number          bigint not null
);
