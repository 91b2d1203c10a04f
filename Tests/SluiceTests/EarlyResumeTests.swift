import Synchronization
import TestSupport
import Testing

@Suite("Continuations under the thread sanitizer")
struct EarlyResumeTests {
    /// Nothing but the continuation puts the two threads in order: a relaxed flag does not. Without what `.ci/thread-sanitizer.c` tells
    /// it, the sanitizer reports a race here.
    @Test("one that is resumed before its task waits hands over what was written before")
    func beforeTheWait() async throws {
        final class Box: @unchecked Sendable {  // as told above
            var text = ""
            let isResumed = Atomic(false)
        }
        let box = Box()
        let number = try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Int, any Error>) in
            startThread {
                box.text = "written by the thread"
                continuation.resume(returning: 7)
                box.isResumed.store(true, ordering: .relaxed)
            }
            while !box.isResumed.load(ordering: .relaxed) {}
        }
        #expect(number == 7 && box.text == "written by the thread")
    }
}
