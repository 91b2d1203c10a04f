import CDeath

/// A plugin's image as the last line of a server names it that dies in its code.
///
/// `@unchecked Sendable`: what the pointer leads to is for any thread, and lives for ever.
struct PluginCode: @unchecked Sendable {
    /// `nil`: there was no memory for it.
    private let code: OpaquePointer?

    /// - Parameters:
    ///   - path: what was given to the dynamic loader.
    ///   - file: what the operator knows it by.
    init(ofImageAt path: String, named plugin: String, file: String) {
        code = MappedImage.all().first { $0.path == path }.flatMap { image in
            sluice_code_add(
                image.addresses.lowerBound, image.code.lowerBound, image.code.upperBound, plugin, file)
        }
    }

    func serves(as generation: Int) {
        if let code { sluice_code_set_generation(code, UInt64(generation)) }
    }
}
