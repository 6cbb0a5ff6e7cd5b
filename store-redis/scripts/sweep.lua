-- Ends one page of a revocation that is too large for one event, from the oldest record on. Sets the epoch if
-- requested.
--
-- KEYS and ARGV as in ending.lua, and
-- ARGV  12 how many entries it reads · 13 the member after which it begins, or nothing · 14 the score of that
-- Returns how many records it ended, whether more entries follow, and after which member and score.

local from, after, score = 0, ARGV[13], ARGV[14]
if after ~= '' then
  local rank = redis.call('ZRANK', KEYS[1], after)
  -- If the member is gone by now, looks at its whole instant again.
  from = rank and rank + 1 or redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. score)
end
local page = tonumber(ARGV[12])
local entries = redis.call('ZRANGE', KEYS[1], from, from + page - 1, 'WITHSCORES')
local doomed, heads, gone = {}, {}, {}
for at = 1, #entries, 2 do
  local member = entries[at]
  local found, head = look(member)
  if found == 'error' then return head end
  if found == 'gone' then gone[#gone + 1] = member end
  if found == 'end' then
    doomed[#doomed + 1] = member
    heads[#doomed] = head
  end
  -- The last entry that stays in the index.
  if found == 'leave' or (found == 'end' and mark) then after, score = member, entries[at + 1] end
end

local ended = #doomed
local refused = tell(doomed)
if refused then return refused end
if KEYS[2] then set_epoch() end
finish(doomed, heads, gone, false)
return { ended, #entries == 2 * page and 1 or 0, after, score }
