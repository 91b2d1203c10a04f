import EventStream
import Glibc
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

/// Each in a process of its own, as descriptors are the whole process's.
@Suite("Running out of descriptors", .timeLimit(.minutes(1)))
struct DescriptorExhaustionTests {
    @Test("Accepting pauses, spins nowhere, says so once a second, and goes on when there are descriptors again")
    func accepting() async {
        await #expect(processExitsWith: .success) {
            let log = CapturedLog()
            try await withServer(logger: log.logger) { server in
                var fillers = await fillDescriptors(leaving: 1)
                // It takes the last one, so the server can't accept it; the kernel can.
                let client = try server.connect()
                try client.send(get("/missing"))
                try #require(await eventually { log.lines.contains { $0.contains("no descriptor") } })

                let before = processorTime()
                #expect(throws: RawClientError.self) { try client.receive(until: .now + .milliseconds(1500)) }
                let used = processorTime() - before
                #expect(used < .milliseconds(300), "1.5 s of waiting took \(used) of processor time")
                #expect(log.lines.count { $0.contains("no descriptor") } <= 4)

                for descriptor in fillers.suffix(10) { close(descriptor) }
                fillers.removeLast(10)
                try #expect(client.readResponse().status == 404)
                for descriptor in fillers { close(descriptor) }
            }
        }
    }

    @Test("Without a descriptor for the hand-over, the subscriber is turned away and the stream left")
    func handOver() async {
        await #expect(processExitsWith: .success) {
            try await withServer { server in
                let fillers = await fillDescriptors(leaving: 2)
                let client = try server.connect()
                try client.send(get("/held"))
                let response = try client.readResponse()
                #expect(response.status == 503)
                #expect(response["Connection"] == "close")
                let token = try await server.opened().token
                #expect(server.opener.left == [token])
                #expect(server.opener.attachCount == 0)
                for descriptor in fillers { close(descriptor) }
            }
        }
    }
}

/// Lowers the limit and uses up descriptors, but for so many.
private func fillDescriptors(leaving free: Int) async -> [Int32] {
    // The first sleep of a process opens descriptors for its timers, and traps if there are none.
    try? await Task.sleep(for: .milliseconds(1))
    var limit = rlimit(rlim_cur: 256, rlim_max: 256)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    var descriptors: [Int32] = []
    while case let descriptor = dup(1), descriptor >= 0 { descriptors.append(descriptor) }
    for descriptor in descriptors.suffix(free) { close(descriptor) }
    return descriptors.dropLast(free)
}

/// What this process has used of its processors.
private func processorTime() -> Duration {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return .seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + .microseconds(Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec))
}
