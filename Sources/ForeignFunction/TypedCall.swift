/// A prepared call of `R f(void *, …, P1, P2, …)`: some pointers first, then typed values.
///
/// Any number of threads can use it at once.
package final class TypedCall: Sendable {
    private let leadingPointers: Int
    private let arguments: [ValueType]
    private let interface: CallInterface

    /// - Parameter result: `nil` for `void`.
    package init(
        leadingPointers: Int = 0, arguments: [ValueType], result: ValueType? = .i32
    ) throws(CallInterfaceError) {
        precondition(leadingPointers >= 0, "a call has no negative number of pointers")
        self.leadingPointers = leadingPointers
        self.arguments = arguments
        interface = try CallInterface(
            arguments: [ValueType](repeating: .ptr, count: leadingPointers) + arguments, result: result)
    }

    /// Calls `function`, which must have exactly this signature: nothing can check that.
    ///
    /// - Parameters:
    ///   - function: the address of its code.
    ///   - leading: the pointers before the values.
    ///   - arguments: the values; texts are passed as `const char *` into this object, and are valid as long as it is.
    /// - Returns: its result, which is an `i32`.
    package func call(
        _ function: UnsafeRawPointer, leading: [UnsafeMutableRawPointer?], arguments: ArgumentStorage
    ) -> Int32 {
        guard case .i32(let result)? = value(of: function, leading: leading, arguments: arguments) else {
            preconditionFailure("a call whose result is an i32")
        }
        return result
    }

    /// The same for a result of any type.
    /// - Returns: a text as a copy; `nil` for `void`.
    package func value(
        of function: UnsafeRawPointer, leading: [UnsafeMutableRawPointer?] = [], arguments: ArgumentStorage
    ) -> Value? {
        precondition(
            leading.count == leadingPointers && arguments.types == self.arguments,
            "the values are those that the call was prepared for")
        let count = arguments.types.count
        return withExtendedLifetime(arguments) {
            leading.withUnsafeBufferPointer { leading in
                withUnsafeTemporaryAllocation(
                    of: UnsafeMutableRawPointer?.self, capacity: leadingPointers + count
                ) { addresses in
                    for index in 0..<leadingPointers {
                        let slot = UnsafeRawPointer(leading.baseAddress.unsafelyUnwrapped + index)
                        addresses.initializeElement(at: index, to: UnsafeMutableRawPointer(mutating: slot))
                    }
                    for index in 0..<count {
                        addresses.initializeElement(at: leadingPointers + index, to: arguments.slot(index))
                    }
                    return withUnsafeTemporaryAllocation(byteCount: ForeignResult.bytes, alignment: 8) { result in
                        let memory = result.baseAddress.unsafelyUnwrapped
                        memory.initializeMemory(as: UInt8.self, repeating: 0, count: ForeignResult.bytes)
                        interface.call(function, addresses.baseAddress, result: memory)
                        return interface.result.map { ForeignResult.read(memory, as: $0) }
                    }
                }
            }
        }
    }
}
