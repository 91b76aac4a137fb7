-- For wrk: sends the requests of a file in turn, one a line (method, path, token, body, with tabs between), and prints what came of
-- them as JSON. With "chain" each thread takes one line and puts the refresh token of each answer into its next request.
local requests, at, threads = {}, 0, 0

local function json_headers(token)
  local headers = { ["Content-Type"] = "application/json" }
  if token ~= "" then headers["Authorization"] = "Bearer " .. token end
  return headers
end

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  for line in io.lines(args[1]) do
    local method, path, token, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local text = body ~= "" and body or nil
    requests[#requests + 1] = wrk.format(method, path, json_headers(token), text)
  end
  if args[2] == "chain" then
    local token = nil
    local first = requests[number % #requests + 1]
    request = function()
      if not token then return first end
      return wrk.format("POST", "/account/token/refresh/", json_headers(""), '{"refresh_token": "' .. token .. '"}')
    end
    response = function(_, _, body)
      token = body:match('"refresh_token":"([^"]*)"') or token
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
