package import Testing

/// Runs the tests of a suite on a few threads of their own. They make blocking calls to servers and browsers, and would
/// otherwise occupy the threads that all other tests share.
package struct OnTestThreads: SuiteTrait, TestTrait, TestScoping {
    package let isRecursive = true
    fileprivate let threads: TestThreads

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(threads) {
            let watch = HangWatch(test.name)
            defer { watch.end() }
            try await function()
        }
    }
}

/// Ends the test process when a test hangs, and names the test. Otherwise, the program that waits for the process would
/// end it without naming one.
private final class HangWatch: Sendable {
    private let isOver = Watched(false)

    /// - Parameter limit: several times as long as any test takes on a slow machine.
    init(_ name: String, limit: Duration = .seconds(300)) {
        startThread { [isOver] in
            guard isOver.wait(limit, until: { $0 ? true : nil }) == nil else { return }
            fatalError("\(name) hangs: it has run for \(limit)")
        }
    }

    func end() { isOver.update { $0 = true } }
}

extension Trait where Self == OnTestThreads {
    package static var onTestThreads: OnTestThreads { OnTestThreads(threads: .shared) }
    /// For a suite whose tests mostly wait for a program that itself waits.
    package static var onPatientThreads: OnTestThreads { OnTestThreads(threads: .patient) }
}

private final class TestThreads: TaskExecutor {
    /// Tests mostly wait, so there can be more threads than processors.
    static let shared = TestThreads(count: 4)
    static let patient = TestThreads(count: 2)

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
