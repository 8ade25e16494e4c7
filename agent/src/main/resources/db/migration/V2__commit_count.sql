-- How many times this file was written: what the witness beside it is compared with. One row.
create table commit_count (
  number          bigint not null
);
insert into commit_count (number) values (0);

-- A job's record goes as a whole.
create index idempotency_key_job on idempotency_key (job_id);
