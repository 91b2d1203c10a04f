import Synchronization
import TestSupport
import Testing

@Suite("Continuations under the thread sanitizer")
struct EarlyResumeTests {
    /// Only the continuation orders the two threads: a relaxed flag does not. Without `.ci/thread-sanitizer.c`, the
    /// sanitizer reports a race here.
    @Test("one that is resumed before its task waits passes on what was written before")
    func beforeTheWait() async throws {
        final class Box: @unchecked Sendable {  // see above
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
