-- What wrk sends, and what it says at the end.
--
--   wrk -s wrk.lua URL -- guard N uniform|zipf|working
--                                  calls with tokens of fill
--   wrk -s wrk.lua URL -- exchange
--                                  token requests
--
-- Zipf's law with exponent 1: rank k comes with probability ~ 1/k, which is
-- what N^u gives for a uniform u. A working set is 10,000 tokens, each as
-- often as the others: what runners hold at one time. Ranks and working sets
-- are spread over the store.

local kind, n, access
local headers = {}
local floor, random = math.floor, math.random


function init(args)
    kind = args[1]
    n = tonumber(args[2])
    access = args[3]

    math.randomseed(os.time() * 1000 + tonumber(tostring({}):match("0x(%x+)"),
                                                16) % 1000)

    if kind == "exchange" then
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    end
end


local function token()
    local i

    if access == "zipf" then
        i = floor(n ^ random()) * 40503 % n
    elseif access == "working" then
        i = floor(random() * 10000) * 40503 % n
    else
        i = floor(random() * n)
    end

    -- the token before every sixteenth is superseded: it would be refused
    if i % 16 == 14 then
        i = i - 1
    end

    return string.format("Bearer at-fill-%d", i)
end


function request()
    if kind == "exchange" then
        return wrk.format("POST", nil, headers,
                          "grant_type=authorization_code&code=c"
                          .. floor(random() * 1e15)
                          .. "&client_id=client-1&client_secret=s")
    end

    headers["Authorization"] = token()

    return wrk.format("GET", nil, headers)
end


function done(summary, latency)
    local errors = summary.errors

    io.write(string.format("bench %d %d %d %d %d %d %d\n", summary.requests,
                           summary.duration,
                           errors.connect + errors.read + errors.write
                           + errors.status + errors.timeout,
                           latency:percentile(50), latency:percentile(99),
                           latency:percentile(99.9), latency.max))
end
