-- wrk -s face.lua URL -- USERS N SEED: each request asks /reco for N items for a random user.
-- Prints the results as one line of JSON.

local users, n

function init(args)
  users, n = tonumber(args[1]), tonumber(args[2])
  math.randomseed(tonumber(args[3]))
end

function request()
  local user = math.random(0, users - 1)
  return string.format(
    'GET /reco?UsrID=%d&n_recos=%d HTTP/1.1\r\nHost: %s:%s\r\n\r\n', user, n, wrk.host, wrk.port
  )
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "refused": %d, "failed": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
