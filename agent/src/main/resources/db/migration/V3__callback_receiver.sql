-- Host and port that a callback goes to: each receiver has its share of the tries, whatever is due to others.
alter table callback add column receiver varchar(10000);
update callback set receiver = lower(regexp_replace(url, '^[^:]*://([^/?#]*).*$', '$1'));
alter table callback alter column receiver set not null;
create index callback_receiver on callback (status, receiver, next_try_at, delivery_id);

-- The job says what it published, and where that lies.
alter table callback drop column artifact;
