import CDeath

/// A plugin's image, as the last line of a server names it when the server crashes in the plugin's code.
///
/// `@unchecked Sendable`: the memory behind the pointer is for any thread, and is never freed.
struct PluginCode: @unchecked Sendable {
    /// `nil`: the image was not found, or there was no memory.
    private let code: OpaquePointer?

    /// - Parameters:
    ///   - path: the path that was given to the dynamic loader.
    ///   - file: the path by which the operator knows it.
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
