/// What the calls of a closure reach. One target serves all closures of its family; what tells them apart are their `ClosureWords`.
///
/// Both functions run on whatever thread C calls from, with whatever locks that thread holds, several at a time and re-entrantly.
package protocol ClosureTarget: AnyObject, Sendable {
    /// A call of a live closure.
    /// - Parameter words: what the closure was armed with.
    func call(_ call: ClosureCall, _ words: ClosureWords)

    /// A call of a tombstone, which has done nothing and returns zero.
    func calledTooLate()
}

/// What one closure knows beside its target: words that mean something to the target alone.
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

/// One call from C, for as long as it lasts.
package struct ClosureCall {
    /// Where each argument is, in the width of its type.
    package let arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    /// Room for the result, zero until something else is put there.
    package let result: UnsafeMutableRawPointer
    /// Of the closure's family, which lives for ever; not counted, as a call must cost little.
    package unowned(unsafe) let interface: CallInterface

    @inline(__always)
    package func address(of index: Int) -> UnsafeRawPointer {
        // libffi gives an address for each argument of the interface.
        UnsafeRawPointer(arguments.unsafelyUnwrapped[index].unsafelyUnwrapped)
    }

    /// A copy of an argument. A text that is no UTF-8 is repaired.
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

    /// What C is given back: of the interface's result type. A text can only be NULL.
    package func returnValue(_ value: Value) {
        precondition(value.type == interface.result, "a closure returns what its signature says")
        ForeignResult.write(value, to: result)
    }

    /// Calls `function(context, …the arguments…)`, and hands its result back.
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
                // libffi widens what a function returns just as it expects a closure to.
                forwarding.call(function, addresses.baseAddress, result: result)
            }
        }
    }
}
