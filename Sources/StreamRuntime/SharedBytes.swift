import Synchronization

/// Bytes that never change, in memory from which any number of connections can send at the same time.
package class SharedBytes: @unchecked Sendable {
    // Unchecked: written before it is shared; `form` is protected by its lock.
    final let base: UnsafeMutableRawPointer
    final let count: Int
    private final let form = Mutex<(any Sendable)?>(nil)

    /// - Parameter base: allocated memory, which this object owns from now on.
    init(owning base: UnsafeMutableRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    package convenience init(copying bytes: UnsafeRawBufferPointer) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
        if let start = bytes.baseAddress { base.copyMemory(from: start, byteCount: bytes.count) }
        self.init(owning: base, count: bytes.count)
    }

    deinit { base.deallocate() }

    package final var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    package final var whole: SharedSlice { SharedSlice(shared: self, range: 0..<count) }

    /// The same bytes in the form that a transport needs. It is made at the first request and shared by all later ones.
    /// Any thread.
    package final func form<Form: Sendable>(_ make: (UnsafeRawBufferPointer) -> Form) -> Form {
        form.withLock { form in
            if let made = form as? Form { return made }
            let made = make(bytes)
            form = made
            return made
        }
    }
}

/// A part of shared bytes.
package struct SharedSlice: Sendable {
    package let shared: SharedBytes
    package let range: Range<Int>

    package init(shared: SharedBytes, range: Range<Int>) {
        self.shared = shared
        self.range = range
    }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: shared.bytes[range]) }
}
