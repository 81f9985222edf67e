-- wrk.lua with time between two calls of a connection: who has a delay, in
-- milliseconds, waits for no other call of this load.

dofile((os.getenv("BENCH_SOURCE") or ".") .. "/wrk.lua")


function delay()
    return math.random(0, 4)
end
