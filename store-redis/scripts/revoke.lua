-- Ends the records of a subject that match, and sets its epoch if requested: one event.
--
-- KEYS and ARGV as in ending.lua, and
-- ARGV  12 the most entries that it reads · 13 the most records that it ends
-- Returns how many records it ended, or -1 if there are too many for one event: then nothing is done.

-- Reads one more entry, which shows that there are more.
local members = redis.call('ZRANGE', KEYS[1], '0', ARGV[12])
if #members > tonumber(ARGV[12]) then return -1 end
local doomed, heads, gone = {}, {}, {}
for _, member in ipairs(members) do
  local found, head = look(member)
  if found == 'error' then return head end
  if found == 'gone' then gone[#gone + 1] = member end
  if found == 'end' then
    doomed[#doomed + 1] = member
    heads[#doomed] = head
  end
end
if #doomed > tonumber(ARGV[13]) then return -1 end

local ended = #doomed
local refused = tell(doomed)
if refused then return refused end
if KEYS[2] then set_epoch() end
finish(doomed, heads, gone, #members > 0 and #doomed + #gone == #members)
return ended
