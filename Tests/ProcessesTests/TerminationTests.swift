import Glibc
import TestSupport
import Testing

@testable import Processes

/// Each test runs in its own process, which gets the signals.
@Suite("Requests to end the process")
struct TerminationTests {
    @Test("during work, they are only counted; afterwards, they are handled as before")
    func noting() async {
        await #expect(processExitsWith: .success) {
            func handler(_ number: Int32) -> Int {
                var present = sigaction()
                sigaction(number, nil, &present)
                return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self)
            }
            signal(SIGHUP, SIG_IGN)
            _ = Termination.request()
            let before = [SIGINT, SIGTERM, SIGHUP].map(handler)
            Termination.noting {
                #expect(!Termination.isRequested, "an earlier one is no reason to stop")
                for number in [SIGINT, SIGTERM, SIGHUP] { kill(getpid(), number) }
                #expect(blockingEventually { Termination.count == 3 } && Termination.isRequested)
            }
            #expect([SIGINT, SIGTERM, SIGHUP].map(handler) == before)
        }
    }

    @Test("then no program is started any more, and a running one is ended")
    func programs() async {
        await #expect(processExitsWith: .success) {
            try Termination.noting {
                // The program asks its parent to end, and then waits to be ended itself.
                let ending = try SpawnedProgram(["sh", "-c", "kill -TERM $PPID; exec sleep 1000"], output: .kept).run()
                #expect(ending.status == 128 + SIGTERM)
                #expect(throws: (any Error).self) { try SpawnedProgram(["true"], output: .kept).run() }
            }
        }
    }
}
