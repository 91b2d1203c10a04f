package import ProducerInterface
package import StreamRuntime

/// The figures of a server at one moment, for the log's totals and for `status`.
package struct ServerFigures: Sendable {
    package let runtime: RuntimeFigures
    package let connections: ConnectionFigures
    package let functions: FunctionFigures
    /// `nil` unless requested: finding them takes some milliseconds.
    package let images: ImageFigures?
    /// `nil` unless requested, and without /proc.
    package let process: ProcessUsage?

    package init(
        runtime: RuntimeFigures, connections: ConnectionFigures, functions: FunctionFigures, images: ImageFigures?,
        process: ProcessUsage?
    ) {
        self.runtime = runtime
        self.connections = connections
        self.functions = functions
        self.images = images
        self.process = process
    }

    /// The front door's connections, without those that have become streams.
    package struct ConnectionFigures: Sendable {
        package let open: Int
        /// Connections since the start: those that were refused, and those that were closed to make room for others.
        package var turnedAway: Int { turnedAwayByKind.values.reduce(0, +) }
        /// By the limit's name, or another fixed word.
        package let turnedAwayByKind: [String: Int]
        /// Requests that were refused, by what was wrong with them: their host, for example.
        package let disallowedByKind: [String: Int]
        package let madeRoom: Int
        /// The size of the request bodies that are arriving.
        package let arrivingBytes: Int

        package init(
            open: Int, turnedAway: [String: Int], disallowedByKind: [String: Int], madeRoom: Int, arrivingBytes: Int
        ) {
            self.open = open
            turnedAwayByKind = turnedAway
            self.disallowedByKind = disallowedByKind
            self.madeRoom = madeRoom
            self.arrivingBytes = arrivingBytes
        }
    }

    /// The plugins' images. Every image that was ever loaded stays mapped.
    package struct ImageFigures: Sendable {
        package let count: Int
        /// Address space.
        package let bytes: Int
        let bytesOfImage: @Sendable (LoadedImage) -> Int
        /// Libraries whose file has changed since plugins loaded them.
        let changedLibraries: [ServerStatus.ChangedLibrary]

        package init(
            count: Int, bytes: Int, changedLibraries: [ServerStatus.ChangedLibrary],
            of bytesOfImage: @escaping @Sendable (LoadedImage) -> Int
        ) {
            self.count = count
            self.bytes = bytes
            self.changedLibraries = changedLibraries
            self.bytesOfImage = bytesOfImage
        }
    }
}
