/// Receives the calls of closures. One target serves all closures of its family; their `ClosureWords` tell them apart.
///
/// Both functions run on whatever thread C calls from, with whatever locks it holds, several at a time and
/// re-entrantly.
package protocol ClosureTarget: AnyObject, Sendable {
    /// A call of a live closure.
    /// - Parameter words: the words with which the closure was armed.
    func call(_ call: ClosureCall, _ words: ClosureWords)

    /// A call of a tombstone, which does nothing and returns zero.
    func calledTooLate()
}

/// What a closure has in addition to its target: words that only the target interprets.
package struct ClosureWords: @unchecked Sendable {
    // Unchecked: addresses that are only passed on.
    package var function: UnsafeRawPointer?
    package var context: UnsafeMutableRawPointer?
    package var tag: UInt64

    package init(function: UnsafeRawPointer? = nil, context: UnsafeMutableRawPointer? = nil, tag: UInt64 = 0) {
        self.function = function
        self.context = context
        self.tag = tag
    }
}

/// One call from C, while it lasts.
package struct ClosureCall {
    /// Where each argument is, in the width of its type.
    package let arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    /// Room for the result; zero until something else is written there.
    package let result: UnsafeMutableRawPointer
    /// The interface of the closure's family, which lives for ever; not counted, because a call must cost little.
    package unowned(unsafe) let interface: CallInterface

    @inline(__always)
    package func address(of index: Int) -> UnsafeRawPointer {
        // libffi gives an address for each argument of the interface.
        UnsafeRawPointer(arguments.unsafelyUnwrapped[index].unsafelyUnwrapped)
    }

    /// A copy of an argument. Text that is not UTF-8 is repaired.
    package func value(at index: Int) -> Value {
        let address = address(of: index)
        return switch interface.arguments[index] {
        case .bool: .bool(address.load(as: UInt8.self) != 0)
        case .i8: .i8(address.load(as: Int8.self))
        case .i16: .i16(address.load(as: Int16.self))
        case .i32: .i32(address.load(as: Int32.self))
        case .i64: .i64(address.load(as: Int64.self))
        case .u8: .u8(address.load(as: UInt8.self))
        case .u16: .u16(address.load(as: UInt16.self))
        case .u32: .u32(address.load(as: UInt32.self))
        case .u64: .u64(address.load(as: UInt64.self))
        case .f32: .f32(address.load(as: Float.self))
        case .f64: .f64(address.load(as: Double.self))
        case .str: .str(address.load(as: UnsafePointer<CChar>?.self).map { String(cString: $0) })
        case .ptr: .ptr(address.load(as: UInt.self))
        }
    }

    /// Sets what C gets back, of the interface's result type. Text can only be NULL.
    package func returnValue(_ value: Value) {
        precondition(value.type == interface.result, "a closure returns what its signature says")
        ForeignResult.write(value, to: result)
    }

    /// Calls `function(context, …the arguments…)`, and returns its result to C.
    /// - Parameter forwarding: the interface of that function: a pointer first, then the same types.
    @inline(__always)
    package func forward(
        to function: UnsafeRawPointer, _ context: UnsafeMutableRawPointer?, through forwarding: CallInterface
    ) {
        var context = context
        let count = interface.arguments.count
        withUnsafeMutablePointer(to: &context) { context in
            withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: count + 1) { addresses in
                addresses.initializeElement(at: 0, to: UnsafeMutableRawPointer(context))
                for index in 0..<count {
                    addresses.initializeElement(at: index + 1, to: arguments.unsafelyUnwrapped[index])
                }
                // libffi widens the result of a function in the same way as it expects it from a closure.
                forwarding.call(function, addresses.baseAddress, result: result)
            }
        }
    }
}
