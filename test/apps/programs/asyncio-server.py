# Numbers to everybody, twenty a second each, and an echo of what each says.
import asyncio
async def serve(reader, writer):
    async def numbers():
        number = 0
        while True:
            number += 1
            writer.write(b"n %d\n" % number)
            await writer.drain()
            await asyncio.sleep(0.05)
    task = asyncio.create_task(numbers())
    try:
        while line := await reader.readline(): writer.write(b"e " + line)
    finally:
        task.cancel()
async def main():
    async with await asyncio.start_server(serve, "", 8001) as server: await server.serve_forever()
asyncio.run(main())
