-- Checks which commands of the other scripts this user may not call. Writes nothing, because the key does not
-- exist.
--
-- KEYS  1 a key of the namespace that does not exist
-- Returns their names, or `keys` if the user may not use the key.

local calls = {
  { 'get' }, { 'mget' }, { 'set', 'x', 'XX' }, { 'getrange', 0, 0 }, { 'setrange', 0, '' }, { 'pttl' }, { 'pexpire', 1 },
  { 'exists' }, { 'del' }, { 'zadd', 'XX', 0, 'x' }, { 'zcard' }, { 'zcount', 0, 0 }, { 'zrank', 'x' }, { 'zrem', 'x' },
  { 'zrange', 0, 0 }, { 'zrevrange', 0, 0 }, { 'zscore', 'x' },
}
local denied = {}
for _, call in ipairs(calls) do
  local answer = redis.pcall(call[1], KEYS[1], unpack(call, 2))
  local err = type(answer) == 'table' and answer.err
  if err then
    if string.find(err, "can't run this command", 1, true) or string.find(err, 'permissions to run', 1, true) then
      denied[#denied + 1] = call[1]
    elseif string.find(err, "can't access at least one of the keys", 1, true)
      or string.find(err, 'permissions to access', 1, true) then
      return { 'keys' }
    end
  end
end
return denied
