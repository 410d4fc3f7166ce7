-- The best items of some lists that may be offered, and the visitor's last events: a consistent
-- view in one round trip.
--
-- A list is its ids, best first, each ended by a newline; then a zero byte, then a double
-- (little-endian) for each id, or nothing where the list has no scores.
--
-- KEYS  1 versions of the lists served; the items are among them, as "items"
--       2 offers, 3 prefix of the changes of items (see keys.py)
--       4 the visitor's last events, or ""
-- ARGV  1 how many items at most, 2 how many of the last events to reply,
--       3 "details" to reply what is known of each item, or "",
--       4 number of excluded items, the excluded items,
--       then the sources: number of lists of the source; name and owner of each list; then, for
--       lists of the items of the last events: how many items at most, name of the lists, and the
--       kinds of event that count, each ended by a newline.
--       A source with several lists takes from them in turns; an item comes once. Items whose
--       lists are looked up by the last events are not answered.
-- Reply: version of the first list ("" = none); the last events, each with its time; then for each
--        item the number of its source, from 0, the item, the bytes of its score ("" = none), and
--        with "details" its JSON ("" = none) and its changes, names and values in turns.
-- Before it stands shop_lists.lua.

local most, n_recent, details = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == 'details'
local n_excluded = tonumber(ARGV[4])
local taken = {}
for i = 5, 4 + n_excluded do
  taken[ARGV[i]] = true
end

local reply = { '' }
local count = 0

-- The next item of a list that is not taken and may be offered, and its JSON; nil at the end.
local function next_free(list)
  for item in list.ids do
    list.place = list.place + 1
    if not taken[item] then
      local offered, known = may_be_offered(item)
      if offered then
        return item, known
      end
    end
  end
end

local function open_list(open, name, owner)
  local value = redis.call('HGET', key_of(name), owner)
  if reply[1] == '' then
    reply[1] = versions[name]
  end
  if value then
    local zero = string.find(value, '\0', 1, true)
    open[#open + 1] = {
      ids = string.gmatch(string.sub(value, 1, zero - 1), '[^\n]+'),
      scores = zero,
      value = value,
      place = 0,
    }
  end
end

reply[2] = {}
for i = 1, n_recent > 0 and math.min(2 * n_recent, #last_events()) or 0 do
  reply[2][i] = recent[i]
end

local at, source = 5 + n_excluded, 0
while at <= #ARGV and count < most do
  local open, n_lists = {}, tonumber(ARGV[at])
  for i = 1, n_lists do
    open_list(open, ARGV[at + 2 * i - 1], ARGV[at + 2 * i])
  end
  at = at + 1 + 2 * n_lists
  local most_seeds, name = tonumber(ARGV[at]), ARGV[at + 1]
  if most_seeds > 0 then
    if reply[1] == '' then -- of a visitor without events too: the version is the recommender's
      key_of(name)
      reply[1] = versions[name]
    end
    for _, item in ipairs(seeds_of(most_seeds, ARGV[at + 2])) do
      taken[item] = true
      open_list(open, name, item)
    end
  end
  at = at + 3
  local found = #open > 0
  while found and count < most do
    found = false
    for _, list in ipairs(open) do
      local item, known
      if count < most then
        item, known = next_free(list)
      end
      if item then
        found = true
        taken[item] = true
        count = count + 1
        local first = list.scores + 8 * (list.place - 1) + 1
        reply[#reply + 1] = source
        reply[#reply + 1] = item
        reply[#reply + 1] = string.sub(list.value, first, first + 7)
        if details then
          reply[#reply + 1] = known or ''
          reply[#reply + 1] = changed and redis.call('HGETALL', KEYS[3] .. item) or {}
        end
      end
    end
  end
  source = source + 1
end
return reply
