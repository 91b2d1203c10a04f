import CLinux
import Glibc
import TestSupport
import Testing

@testable import StreamLoop

@Suite("Threads", .onTestThreads)
struct ThreadTests {
    @Test("the guard below a stack is larger than a frame, and takes nothing from the stack")
    func guarded() throws {
        let sizes = Watched<(stack: Int, guarded: Int)?>(nil)
        let isStarted = startThread(named: "guarded", stackBytes: 1 << 20) {
            var attributes = pthread_attr_t()
            guard sluice_thread_attributes(pthread_self(), &attributes) == 0 else { return }
            defer { pthread_attr_destroy(&attributes) }
            var (stack, guarded) = (0, 0)
            pthread_attr_getstacksize(&attributes, &stack)
            pthread_attr_getguardsize(&attributes, &guarded)
            sizes.update { $0 = (stack, guarded) }
        }
        #expect(isStarted)
        let found = try #require(sizes.wait(.seconds(60), until: { $0 }))
        #expect(found.stack >= 1 << 20 && found.guarded >= 1 << 20)
    }
}
