-- Said each time: with one snapshot for the whole transaction, which a database may have as its default, a
-- sweep would not see what was inserted while the statement before it waited.
begin isolation level read committed
