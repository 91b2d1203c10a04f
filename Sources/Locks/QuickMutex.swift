/// A value behind a `QuickLock`, used as a `Mutex` is.
package struct QuickMutex<Value>: ~Copyable, @unchecked Sendable {
    // Unchecked: the value is only touched with the lock held, and what goes in or comes out is sent.

    // Both in memory of their own, as the lock must not move. Apart, and not members of one struct: who changes a member accesses, as
    // far as the language is concerned, all of it.
    @usableFromInline let guarding: UnsafeMutablePointer<QuickLock>
    @usableFromInline let value: UnsafeMutablePointer<Value>

    @inlinable package init(_ value: consuming sending Value) {
        guarding = .allocate(capacity: 1)
        guarding.initialize(to: QuickLock())
        self.value = .allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    @inlinable deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        guarding.deinitialize(count: 1)
        guarding.deallocate()
    }

    @inlinable package borrowing func withLock<Result: ~Copyable, Failure>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        guarding.pointee.lock()
        defer { guarding.pointee.unlock() }
        return try body(&value.pointee)
    }
}
