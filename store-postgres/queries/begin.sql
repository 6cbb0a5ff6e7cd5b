-- Set each time, because a database may have another isolation as its default. With one snapshot for the
-- whole transaction, a sweep would not see what was inserted while the statement before it waited.
begin isolation level read committed
