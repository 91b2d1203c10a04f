/// A value with a `QuickLock`, used like a `Mutex`.
package struct QuickMutex<Value>: ~Copyable, @unchecked Sendable {
    // Unchecked: the value is only touched with the lock held, and values that go in or come out are sent.

    // Each has memory of its own, because the lock must not move. They are not members of one struct, because for the
    // language a change of one member is an access to the whole struct.
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
