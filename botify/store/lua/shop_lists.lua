-- What the scripts that look for items share; it stands before each of them.
--
-- KEYS  1 versions of the lists served; the items are among them, as "items"
--       2 offers, 3 prefix of the changes of items (see keys.py)
--       4 the visitor's last events, or "", 5 what the visitor bought, or ""
-- BOUGHT_MS: for so many ms, what the visitor bought is not offered.

local versions = {}
local function key_of(name)
  local version = versions[name]
  if not version then
    version = redis.call('HGET', KEYS[1], name) or ''
    versions[name] = version
  end
  return KEYS[1] .. ':' .. name .. ':' .. version
end

local catalog = key_of('items')
local changed = redis.call('EXISTS', KEYS[2]) == 1

local bought_since
local function is_bought(item)
  if bought_since == nil then
    bought_since = false
    if KEYS[5] ~= '' and redis.call('EXISTS', KEYS[5]) == 1 then
      bought_since = tonumber(redis.call('TIME')[1]) * 1000 - BOUGHT_MS
    end
  end
  return bought_since and tonumber(redis.call('ZSCORE', KEYS[5], item) or -1) >= bought_since
end

local function may_be_offered(item)
  if is_bought(item) then
    return false
  end
  local known = redis.call('HGET', catalog, item)
  local flags = changed and redis.call('HGET', KEYS[2], item)
  if not flags then
    return known and string.byte(known) == 123, known
  end
  local hidden, available = string.sub(flags, 1, 1), string.sub(flags, 2, 2)
  if hidden == '-' and known and string.find(known, '^\t') then
    hidden = 'h'
  end
  if available == '-' and known and string.find(known, '^\t? ') then
    available = 'u'
  end
  return hidden ~= 'h' and hidden ~= 'x' and available ~= 'u', known
end

local recent
local function last_events()
  if not recent then
    recent = KEYS[4] ~= '' and redis.call('ZREVRANGE', KEYS[4], 0, -1, 'WITHSCORES') or {}
  end
  return recent
end

-- The items of the last events of these kinds, newest first.
local function seeds_of(most_seeds, kinds)
  local seeds, known = {}, {}
  local counts = {}
  for kind in string.gmatch(kinds, '[^\n]+') do
    counts[kind] = true
  end
  for i = 1, #last_events(), 2 do
    if #seeds >= most_seeds then
      break
    end
    local event = recent[i]
    local zero = string.find(event, '\0', 9, true)
    local item = string.sub(event, zero + 1)
    if counts[string.sub(event, 9, zero - 1)] and not known[item] then
      known[item] = true
      seeds[#seeds + 1] = item
    end
  end
  return seeds
end

