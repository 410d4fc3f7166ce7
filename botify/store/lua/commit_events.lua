-- Events that are in the log: put them among the last events of their visitors, which are trimmed
-- here, and mark their ids as done. To be repeated at will: an event is there once.
--
-- After item_fields.lua.
--
-- KEYS  1 versions of the lists served, 2 offers, 3 prefix of ids, 4 prefix of last events,
--       5 prefix of the changes of items, 6 sums of events by item and category,
--       7 prefix of what visitors bought
-- ARGV  1 seconds until an id is forgotten, 2 how many events a visitor keeps,
--       3 for how many ms purchases are kept, 4 how many of them, the newest ones;
--       then for each event: digest of the id that the client gave it ("" = none), digest of the
--       event, user, item, time in ms, what is kept of it ("" = nothing), when that expires,
--       in ms since the epoch, the number of the kind in the sums ("" = not counted), what the
--       event adds to a sum, and whether it is a purchase ("" = no). What is not kept is
--       not counted, nor are items that the catalog does not have.
-- Reply: for each event one character: a where it is new, r where it was taken before; in capitals
--        where the catalog does not have the item

local keep = tonumber(ARGV[2])
local version = redis.call('HGET', KEYS[1], 'items') or ''
local catalog = KEYS[1] .. ':items:' .. version
local reply = {}

local function unpacked(field, form)
  local packed = redis.call('HGET', KEYS[6], field)
  return packed and { struct.unpack(form, packed) }
end

local function add(field, kind, weight)
  local sums = unpacked(field, '<ddd') or { 0, 0, 0 }
  sums[kind] = sums[kind] + weight
  redis.call('HSET', KEYS[6], field, struct.pack('<ddd', sums[1], sums[2], sums[3]))
end

local function count(item, kind, weight, at)
  add('t', kind, weight)
  local of = unpacked('i' .. item, '<dddd') or { at, 0, 0, 0 }
  of[1] = math.min(of[1], at)
  of[kind + 1] = of[kind + 1] + weight
  redis.call('HSET', KEYS[6], 'i' .. item, struct.pack('<dddd', of[1], of[2], of[3], of[4]))
  local known = redis.call('HGET', catalog, item)
  local category = category_of(known, redis.call('HGET', KEYS[5] .. item, 'category'))
  if category then
    add('c' .. category, kind, weight)
  end
end

-- Of each item the last purchase, while it is of interest.
local function keep_purchase(key, item, at)
  local now = redis.call('TIME')
  local since = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - tonumber(ARGV[3])
  if at < since then
    return
  end
  if tonumber(redis.call('ZSCORE', key, item) or at) <= at then
    redis.call('ZADD', key, at, item)
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('(%.0f', since))
  redis.call('ZREMRANGEBYRANK', key, 0, -tonumber(ARGV[4]) - 1)
  local newest = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  redis.call('PEXPIREAT', key, string.format('%.0f', tonumber(newest[2]) + tonumber(ARGV[3])))
end

for i = 5, #ARGV, 10 do
  local id, digest, user, item, at, event, expires, kind, weight, purchase = unpack(ARGV, i, i + 9)
  local outcome, new = 'a', false
  if id ~= '' then
    local known = redis.call('GET', KEYS[3] .. id)
    if known and string.byte(known) == 68 then
      outcome = 'r'
    else
      redis.call('SET', KEYS[3] .. id, 'D' .. digest, 'EX', ARGV[1])
    end
  end
  if event ~= '' then
    local key = KEYS[4] .. user
    new = redis.call('ZADD', key, at, event) == 1
    -- What is trimmed at once is not new: it is read from the log again at each start.
    if redis.call('ZREMRANGEBYRANK', key, 0, -keep - 1) > 0 and new then
      new = redis.call('ZSCORE', key, event) ~= false
    end
    local now = redis.call('TIME')
    local left = tonumber(expires) - tonumber(now[1]) * 1000 - math.floor(tonumber(now[2]) / 1000)
    if left > redis.call('PTTL', key) then
      redis.call('PEXPIREAT', key, expires)
    end
  end
  if purchase ~= '' then
    keep_purchase(KEYS[7] .. user, item, tonumber(at))
  end
  if redis.call('HEXISTS', catalog, item) == 0 then
    local flags = redis.call('HGET', KEYS[2], item)
    if not flags or flags == 'xx' then
      outcome = string.upper(outcome)
    end
  end
  if new and kind ~= '' and string.lower(outcome) == outcome then
    count(item, tonumber(kind) + 1, tonumber(weight), tonumber(at))
  end
  reply[#reply + 1] = outcome
end
return table.concat(reply)
