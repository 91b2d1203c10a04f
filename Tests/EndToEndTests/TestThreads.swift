import Synchronization
import TestSupport
import Testing

/// Runs the tests of a suite on a few threads of their own: they wait for servers and browsers with blocking calls, and would
/// otherwise keep the threads that all other tests share.
struct OnTestThreads: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(TestThreads.shared) { try await function() }
    }
}

extension Trait where Self == OnTestThreads {
    static var onTestThreads: OnTestThreads { OnTestThreads() }
}

private final class TestThreads: TaskExecutor {
    /// Most of a test is waiting, so there may be more threads than processors.
    static let shared = TestThreads(count: 5)

    private let jobs = Watched<[UnownedJob]>([])

    init(count: Int) {
        for _ in 0..<count {
            startThread { [unowned self] in
                while true { runNext() }
            }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.update { $0.append(job) }
    }

    private func runNext() {
        guard jobs.wait(.seconds(3600), until: { $0.isEmpty ? nil : true }) != nil else { return }
        let job = jobs.update { $0.isEmpty ? nil : $0.removeFirst() }
        job?.runSynchronously(on: asUnownedTaskExecutor())
    }
}
