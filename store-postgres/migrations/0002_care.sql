-- Version 2: comments on the columns, and earlier vacuuming. No row is written.

comment on table hallpass_tokens is 'hallpass: one row for each chain of tokens; no token can be made from it';
comment on column hallpass_tokens.created_at is 'when it was issued';
comment on column hallpass_tokens.updated_at is 'when it was last written';
comment on column hallpass_tokens.seen_at is 'when its token was last presented, to the precision of the policy';
comment on column hallpass_tokens.expires_at is 'absolute expiry; never moves';
comment on column hallpass_tokens.purge_at is 'from when it may be collected';
comment on column hallpass_tokens.revision is 'counts its writes';
comment on column hallpass_tokens.generation is 'counts its rotations';
comment on column hallpass_tokens.era is 'how many times everybody had been logged out when its login began';
comment on column hallpass_tokens.idle_at is 'idle expiry, which use moves; null for none';
comment on column hallpass_tokens.revoked is '0 while it lives, or why it was ended: 1 logged out, 2 logged out from elsewhere, 3 credential changed, 4 administrative, 5 evicted, 6 superseded, 7 reused, 8 lapsed, 9 stamp mismatch, 10 spent';
comment on column hallpass_tokens.selector is 'the public half of the token: 16 bytes, safe to log';
comment on column hallpass_tokens.login is 'shared by all rows that descend from one login: 8 bytes';
comment on column hallpass_tokens.kind is 'session, remember, refresh, …';
comment on column hallpass_tokens.purpose is 'what its kind was used for when it was issued: 1 a device, 2 a key, 3 a single use';
comment on column hallpass_tokens.subject is 'whose it is; null for an anonymous session';
comment on column hallpass_tokens.device is 'how a person would recognise the client';
comment on column hallpass_tokens.body is 'digests and application data, opaque';
comment on table hallpass_epochs is 'hallpass: turns away logins that began before a log out everywhere; rows live an hour';
comment on table hallpass_schema is 'hallpass: the migrations of these tables that were run';
comment on column hallpass_schema.version is 'which one';
comment on column hallpass_schema.compatible is 'the oldest version that a program must know to work on the tables';

-- By default, dead rows may make up a fifth of the table before a vacuum.
alter table hallpass_tokens set (autovacuum_vacuum_scale_factor = 0.05);
alter table hallpass_epochs set (autovacuum_vacuum_scale_factor = 0.05);

insert into hallpass_schema (version, compatible) values (2, 1) on conflict do nothing;
