package import StreamRuntime

/// The figures of a server at one moment. The log's totals and `status` are written from it.
package struct ServerFigures: Sendable {
    package let runtime: RuntimeFigures
    package let connections: ConnectionFigures
    package let functions: FunctionFigures
    /// `nil` where they were not asked for: finding them takes some milliseconds.
    package let images: ImageFigures?

    package init(
        runtime: RuntimeFigures, connections: ConnectionFigures, functions: FunctionFigures, images: ImageFigures?
    ) {
        self.runtime = runtime
        self.connections = connections
        self.functions = functions
        self.images = images
    }

    /// Connections of the front door; one that has become a stream is not its own any more.
    package struct ConnectionFigures: Sendable {
        package let open: Int
        /// Since the start: those that were refused, and those that made room for others.
        package let turnedAway: Int
        package let madeRoom: Int
        /// What the bodies of requests take that have not arrived whole.
        package let arrivingBytes: Int

        package init(open: Int, turnedAway: Int, madeRoom: Int, arrivingBytes: Int) {
            self.open = open
            self.turnedAway = turnedAway
            self.madeRoom = madeRoom
            self.arrivingBytes = arrivingBytes
        }
    }

    /// The C functions that were made for plugins.
    package struct FunctionFigures: Sendable {
        package let live: Int
        /// Those whose stream is over.
        package let tombstones: Int
        /// Of both.
        package let bytes: Int

        package init(live: Int, tombstones: Int, bytes: Int) {
            self.live = live
            self.tombstones = tombstones
            self.bytes = bytes
        }
    }

    /// The images of plugins: every one that was ever loaded stays mapped.
    package struct ImageFigures: Sendable {
        package let count: Int
        /// Of address space.
        package let bytes: Int
        let bytesOfImage: @Sendable (LoadedImage) -> Int
        /// Libraries that differ on disk from what plugins have in memory.
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
